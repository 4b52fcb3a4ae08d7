"""What the doors take and, for the OpenAPI document, what they give; a file for each thing."""

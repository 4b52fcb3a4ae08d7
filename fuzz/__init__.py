"""What is thrown at the places where strangers' bytes come in, and what must hold of it.

Each target takes bytes. The suite drives them with hypothesis for a moment (`tests/fuzz`); atheris
drives them for as long as you like, guided by what the code did with the last bytes:

    make fuzz ARGS="translate --seconds 600"
"""

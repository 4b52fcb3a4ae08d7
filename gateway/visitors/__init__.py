"""Who writes in the web widget: what is kept of visitors, and what they may see of the record.

Implements what the widget's doors ask for (`channels/webwidget/backend.py`).
"""

from gateway.visitors.visitors import Visitors, still_in

__all__ = ["Visitors", "still_in"]

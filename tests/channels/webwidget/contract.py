"""What the contract of all channels is run on for the web widget."""

from gateway.channels.webwidget import WidgetReceiver
from gateway.channels.webwidget.signature import derived_key

RECEIVER = WidgetReceiver(keys=[derived_key("a secret", "acme-web")])

"""What the contract of all channels is run on for Intercom."""

from gateway.channels.intercom import IntercomReceiver

RECEIVER = IntercomReceiver(secrets=["a secret"], bot_admin_id="7001001")

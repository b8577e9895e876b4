"""Notifications, told outside: webhooks, services of Apprise, commands. At least once, in order, each by itself."""

from vain.delivery.deliveries import Deliveries
from vain.delivery.worker import ChannelStatus

__all__ = ["ChannelStatus", "Deliveries"]

"""``vain serve`` as it is, but with a ring and send buffers so small that slow clients fall out of them.

Bookmarks come often, so that the end of a run need not be waited for.
"""

from __future__ import annotations

import sys
from functools import partial

from vain import cli
from vain.hub import Hub
from vain.web import caretaker, server, socket_writer

RING_FRAMES = 64
SEND_BUFFER_BYTES = 4 << 10
BOOKMARK_SECONDS = 0.5

if __name__ == "__main__":
    vars(server)["Hub"] = partial(Hub, frames=RING_FRAMES)
    caretaker.BOOKMARK_SECONDS = BOOKMARK_SECONDS
    socket_writer.SEND_BUFFER_BYTES = SEND_BUFFER_BYTES
    sys.exit(cli.main())

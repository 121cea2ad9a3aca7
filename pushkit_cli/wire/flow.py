"""What goes out keeps to what the peer allows: its windows and its header table. Pure."""

from h2.connection import H2Connection


def announce_table_size(connection: H2Connection) -> None:
    """Let the next header block open with the size of its table (RFC 7541, 4.2); after SETTINGS.

    hpack would write every size that was passed through, and none where the last came twice.
    """
    encoder = connection.encoder
    size = encoder.header_table_size
    lowest = min([size, *encoder.table_size_changes])
    encoder.table_size_changes = [lowest, size] if lowest < size else [size]
    encoder.header_table.resized = True


class Outbox:
    """Bodies on their way out, as far as the peer's windows allow (RFC 9113, 5.2)."""

    def __init__(self, connection: H2Connection) -> None:
        self._h2 = connection
        self._waiting: dict[int, bytes] = {}

    def put(self, stream: int, body: bytes) -> None:
        """Queue the whole body of a stream; END_STREAM goes with its last byte."""
        self._waiting[stream] = body

    def has(self, stream: int) -> bool:
        """Whether part of the stream's body has not left."""
        return stream in self._waiting

    def drop(self, stream: int) -> None:
        """Forget a stream that is gone."""
        self._waiting.pop(stream, None)

    def pump(self) -> list[int]:
        """Move what fits the windows into the connection; the streams that are now complete."""
        done = []
        for stream, body in list(self._waiting.items()):
            sent = 0
            while sent < len(body):
                room = min(
                    self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size
                )
                if room <= 0:
                    break
                piece = body[sent : sent + room]
                sent += len(piece)
                self._h2.send_data(stream, piece, end_stream=sent == len(body))
            if sent == len(body):
                del self._waiting[stream]
                done.append(stream)
            else:
                self._waiting[stream] = body[sent:]
        return done

"""The server of the Language Server Protocol: tickets from any editor, proposals shown where they touch the code, applied to its buffers."""

#!/usr/bin/env python3
"""mem0 over HTTP, for its adapter: mem0 is a library, and has no server that runs without a container.

usage: mem0_server.py PORT FOLDER

POST /add {"key", "text"}, POST /search {"text", "limit"}, DELETE /all. Requests are answered one after the other, as a
library answers its caller. The vectors are in the folder; everything else is mem0's default.
"""

import http.server
import json
import os
import sys

from mem0 import Memory

USER = "assay"


class Handler(http.server.BaseHTTPRequestHandler):
    memory = None

    def add(self, key, text):
        return self.memory.add(text, user_id=USER, metadata={"key": key})

    def search(self, text, limit):
        return self.memory.search(text, filters={"user_id": USER}, top_k=limit)

    def all(self):
        return self.memory.delete_all(user_id=USER)

    def answer(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            status, answer = 200, getattr(self, self.path.strip("/"))(**body)
        except Exception as error:
            status, answer = 500, {"error": f"{type(error).__name__}: {error}"}
        text = json.dumps(answer, default=str).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port, folder = int(sys.argv[1]), sys.argv[2]
    Handler.memory = Memory.from_config({"vector_store": {"config": {"path": os.path.join(folder, "qdrant")}}})
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()

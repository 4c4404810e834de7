#!/usr/bin/env python3
"""A small memory for tests, over MCP on stdio or over HTTP.

usage: shelf.py mcp|PORT [file=PATH] [every=N] [forget=N] [lag=N] [model=URL] [late=URL]

Books are in RAM, and in the file after every N-th one. Every N-th book is forgotten. With a lag, a book is found once
the count was asked for, N books at a time. With a model, storing asks for one chat and two embeddings, and searching
for one. With a late one, a book that can be found from now on asks for one embedding.
"""

import http.server
import json
import sys
import threading
import urllib.request


class Shelf:
    def __init__(self, options):
        self.options = options
        self.books, self.waiting, self.added = {}, [], 0
        try:
            with open(options["file"]) as file:
                self.books, self.waiting = json.load(file)
        except (KeyError, FileNotFoundError):
            pass

    def save(self):
        if "file" in self.options and self.added % int(self.options.get("every", 1)) == 0:
            with open(self.options["file"], "w") as file:
                json.dump([self.books, self.waiting], file)

    def ask(self, path, body, model="model"):
        if model in self.options:
            request = urllib.request.Request(
                self.options[model] + path, json.dumps(body).encode(), {"content-type": "application/json"}
            )
            urllib.request.urlopen(request).read()

    def add(self, key, text):
        self.ask("/chat/completions", {"messages": [{"role": "user", "content": text}]})
        self.ask("/embeddings", {"input": text})
        self.ask("/embeddings", {"input": [text, key]})
        self.waiting.append((key, text))
        self.added += 1
        if "lag" not in self.options:
            self.index(1)
        self.save()
        return {"book": {"id": key}}

    def index(self, most):
        forget = int(self.options.get("forget", 0))
        for key, text in self.waiting[:most]:
            self.ask("/embeddings", {"input": text}, "late")
            if not forget or int(key[-6:]) % forget:
                self.books[key] = text
        del self.waiting[:most]

    def count(self):
        self.index(int(self.options.get("lag", 0)))
        self.save()
        return {"books": len(self.books)}

    def find(self, text, limit):
        self.ask("/embeddings", {"input": text})
        words = set(text.split())
        best = sorted(self.books, key=lambda key: (-len(words & set(self.books[key].split())), key))
        return {"found": [{"key": key, "text": self.books[key]} for key in best[:limit]]}

    def remove(self, key):
        return {"removed": self.books.pop(key, None) is not None}

    def empty(self):
        self.books.clear()
        return {}


def serve_mcp(shelf):
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        if request["method"] == "initialize":
            result = {
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "shelf", "version": "1.2"},
            }
        elif request["method"] == "tools/call":
            try:
                answer = getattr(shelf, request["params"]["name"])(**request["params"]["arguments"])
                result = {"content": [{"type": "text", "text": json.dumps(answer)}]}
            except Exception as error:
                result = {"content": [{"type": "text", "text": f"no: {error}"}], "isError": True}
        else:
            result = {}
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


def serve_http(shelf, port):
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            name = self.path.strip("/").split("/")
            try:
                with lock:
                    status, answer = 200, getattr(shelf, name[0])(*name[1:], **body)
            except Exception as error:
                status, answer = 500, {"error": str(error)}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    http.server.HTTPServer.allow_reuse_address = True
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    shelf = Shelf(dict(option.split("=", 1) for option in sys.argv[2:]))
    serve_mcp(shelf) if sys.argv[1] == "mcp" else serve_http(shelf, int(sys.argv[1]))

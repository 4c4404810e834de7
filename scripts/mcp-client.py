#!/usr/bin/env python3
"""Plays a test's requests to an MCP server, with the official Python SDK.

usage: mcp-client.py legacy|auto URL | COMMAND [ARGUMENT ..]

`legacy` begins with `initialize`, `auto` with whatever the newest protocol has. Each line of stdin is a request and gets
one line of stdout:

{"list": true}                          the server, and its tools with their schemas, each of which must be valid
{"tool": NAME, "arguments": {..}}       {"error", "text", "structured", "progress"}; `error` is "protocol" if the call was
                                        refused before the tool ran, and "tool" if the tool said so
{"tool": .., "cancel": true}            the same, and cancelled when the first line of progress comes
"""

import json
import os
import sys

import anyio
import jsonschema
from mcp import Client, MCPError, StdioServerParameters


async def listed(client):
    tools = (await client.list_tools()).tools
    for tool in tools:
        for schema in filter(None, [tool.input_schema, tool.output_schema]):
            jsonschema.Draft202012Validator.check_schema(schema)
    return {
        "protocol": client.protocol_version,
        "server": client.server_info.name,
        "instructions": client.instructions,
        "tools": [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools],
    }


async def called(client, request):
    lines = []
    with anyio.CancelScope() as scope:

        async def progress(_done, _total, message):
            lines.append(message)
            if request.get("cancel"):
                scope.cancel()

        try:
            result = await client.call_tool(request["tool"], request.get("arguments", {}), progress_callback=progress)
        except MCPError as error:
            return {"error": "protocol", "text": str(error), "progress": lines}
        text = "".join(block.text for block in result.content)
        error = "tool" if result.is_error else None
        return {"error": error, "text": text, "structured": result.structured_content, "progress": lines}
    return {"error": "cancelled", "progress": lines}


async def main(mode, server):
    is_url = server[0].startswith("http://")
    parameters = server[0] if is_url else StdioServerParameters(command=server[0], args=server[1:], env=dict(os.environ))
    async with Client(parameters, mode=mode, cache=None) as client:
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            request = json.loads(line)
            answer = await (listed(client) if request.get("list") else called(client, request))
            print(json.dumps(answer), flush=True)


anyio.run(main, sys.argv[1], sys.argv[2:])

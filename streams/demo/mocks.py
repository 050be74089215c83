"""The mock endpoint and its token server by themselves: ``python -m streams.demo.mocks``, for compose or by hand."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime

import click

from streams.demo.endpoint import Answer, MockEndpoint, Received
from streams.demo.reception import OK, UNAUTHORIZED, Request, as_line
from streams.demo.tokens import MockTokenServer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 = all.")
@click.option("--endpoint-port", default=8099, show_default=True, help="The endpoint's port; 0 = a free one.")
@click.option("--token-port", default=8098, show_default=True, help="The token server's port; 0 = a free one.")
@click.option("--client", default="demo:demo", show_default=True, metavar="ID:SECRET", help="Who gets a token.")
def main(host: str, endpoint_port: int, token_port: int, client: str) -> None:
    """Answer 200 to each request that carries a live token, 401 to others, and write each as a line of JSON."""
    name, colon, secret = client.partition(":")
    if not colon:
        raise click.UsageError("--client: expected ID:SECRET")
    asyncio.run(_serve(host, endpoint_port, token_port, (name, secret)))


async def _serve(host: str, endpoint_port: int, token_port: int, client: tuple[str, str]) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tokens = MockTokenServer(client)
    endpoint = MockEndpoint(decide=lambda received: _answered(received, endpoint, tokens))
    try:
        click.echo(f"token server: {await tokens.start(token_port, host=host)}", err=True)
        click.echo(f"endpoint: {await endpoint.start(endpoint_port, host=host)}", err=True)
        await stopping.wait()
    finally:
        await endpoint.close()
        await tokens.close()


def _answered(received: Received, endpoint: MockEndpoint, tokens: MockTokenServer) -> Answer:
    status = OK if tokens.accepts(received.header("Authorization")) else UNAUTHORIZED
    request = Request(received, "", status, datetime.now().astimezone())
    sys.stdout.buffer.write(as_line(request, root=endpoint.url))
    sys.stdout.buffer.flush()
    endpoint.requests.clear()  # it runs for long, and nobody looks at them
    endpoint.answered.clear()
    return Answer(status=status)


if __name__ == "__main__":
    main()

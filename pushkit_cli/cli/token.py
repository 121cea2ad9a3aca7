"""`pushkit token`: the one command that prints a provider token."""

import click

from pushkit_cli.cli import offers
from pushkit_cli.cli.options import ENVIRONMENTS, json_option
from pushkit_cli.cli.render import Terminal
from pushkit_cli.errors import ConfigError, ExitCode


@click.command(epilog="Example: pushkit token --header | curl -H @- …")
@click.option(
    "--app",
    metavar="BUNDLE_ID",
    shell_complete=offers.apps,
    help="Whose key; none is needed for local.",
)
@click.option(
    "--env",
    type=click.Choice(ENVIRONMENTS),
    envvar=["PUSHKIT_TOKEN_ENV", "PUSHKIT_ENVIRONMENT"],
    help="Which key; local where nothing else is said.",
)
@click.option("--header", is_flag=True, help="As a whole header line, for curl -H @-.")
@json_option
@click.pass_obj
def command(terminal: Terminal, /, app: str | None, env: str | None, header: bool) -> int:
    """Print a provider token: the kept one while it is fresh, else a new one."""
    from pushkit_cli.engine.signing import signer
    from pushkit_cli.engine.where import Target, place

    setting = terminal.setting()
    listener = setting.listener()
    target = Target(env or setting.book.environment or "local")
    where = place(target, endpoint=None, cacert=None, setting=setting, listener=listener)
    who = signer(where, app=app, setting=setting, listener=listener)
    cache, warning = setting.token_cache()
    if warning is not None:
        terminal.warn(warning)
    found = who.provider_token(cache)
    if cache.trouble is not None:
        terminal.warn(cache.trouble)
    if found is None:
        raise ConfigError(
            "this app signs with a certificate, which needs no provider token",
            hint="register the app with a key to have one",
        )
    if terminal.as_json:
        terminal.object({"v": 1, "event": "token", "key_id": who.key_id, "token": found})
    else:
        terminal.data(f"authorization: bearer {found}" if header else found)
    return ExitCode.DONE

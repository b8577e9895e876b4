"""The command ``vain``: what it understands, and how it ends.

Results and numbers of tasks go to stdout, everything else to stderr. The exit code is 0 for success, 1 if the operation
failed, 2 for wrong use. Neither Panel nor pandas nor Tornado is loaded unless ``vain serve`` runs.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import vain
from vain import commands as tasks
from vain import follow_options, host_options, list_options, rule_options, run_options, settings, upkeep_options
from vain.errors import Misconfigured, VainError
from vain.options import Parser, add_json, add_settings, command, example_text
from vain.setting_types import Settings
from vain.terminal import Screen, safe
from vain.types import KEY_ROLES, OUTCOMES, PRIORITIES, STATUSES

SUCCESS, FAILURE, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

if TYPE_CHECKING:
    from vain.options import Commands
    from vain.web.mounts import Dashboard


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code. Wrong use of an option ends the process with 2, as argparse does."""
    _show_what_cannot_be_encoded()
    args = parser().parse_args(arguments)
    screen = Screen()
    try:
        known = settings.load(vars(args))
        return int(args.run(args, known, Screen(color=False) if known.no_color else screen))
    except VainError as exc:
        # Of a file of rules every flaw is told, each on a line.
        for line in exc.detail.splitlines() if isinstance(exc, Misconfigured) else [exc.detail]:
            screen.note(f"vain: {safe(line)}")
        for flaw in exc.flaws:
            if flaw.detail not in exc.detail:
                screen.note(f"  {safe(flaw.pointer or flaw.parameter or '')}: {safe(flaw.detail)}")
        return WRONG_USE if isinstance(exc, Misconfigured) else FAILURE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; the interpreter must not fail once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE


def serve(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain serve``: until SIGTERM or Ctrl-C."""
    # Only this command needs a server, so only here is one loaded.
    import logging

    from vain.web.loop import collect_rarely, run
    from vain.web.serving import serve as serve_until_stopped

    logging.basicConfig(level=known.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("tornado.access", "bokeh"):
        logging.getLogger(chatty).setLevel(logging.ERROR)  # who opens a page, or asks for what is not there, is no news
    collect_rarely()
    run(serve_until_stopped(known, _load_dashboard))
    return SUCCESS


def history(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain history``: its actions need numpy, which no other command should wait for."""
    from vain import history_commands

    return {"import": history_commands.import_, "export": history_commands.export}[args.action](args, known, screen)


def db(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain db``, for the same reason."""
    from vain import db_commands as run

    actions = {"check": run.check_, "backup": run.backup_, "restore": run.restore_, "copy": run.copy_}
    return actions[args.action](args, known, screen)


def rules(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain rules``, for the same reason."""
    from vain import rule_commands as run

    return {"check": run.check, "test": run.test, "ls": run.list_rules}[args.action](args, known, screen)


def silence(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain silence``, for the same reason."""
    from vain import rule_commands as run

    actions = {"begin": run.silence, "ls": run.list_silences, "end": run.end_silence}
    return actions[args.action](args, known, screen)


def keys(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain keys``: what the file of the keys needs, no agent should load."""
    from vain import key_commands as run

    return {"create": run.create, "list": run.list_, "revoke": run.revoke}[args.action](args, known, screen)


def hosts(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain hosts``."""
    from vain import host_commands as run

    return {"ls": run.list_, "rm": run.forget}[args.action](args, known, screen)


def agent(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain agent``: only here is psutil loaded without a server."""
    from vain import agent_commands

    return agent_commands.agent(args, known, screen)


def run(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    """``vain run``; usually ``vain.__main__`` has done it before anything of this is loaded."""
    from vain import run_commands

    return run_commands.run(args)


def _load_dashboard() -> Dashboard:
    # Called when somebody first opens a page: a second of work, and memory that a server without viewers need not have.
    from vain.views import application

    # start() and stop() take only what build() made, which the protocol of a lower floor cannot say.
    return cast("Dashboard", application)


def _show_what_cannot_be_encoded() -> None:
    """A terminal that knows only ASCII gets escapes, not an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def parser() -> Parser:
    """What the command understands."""
    whole = Parser(
        prog="vain",
        description="Watches this machine and the tasks that run on it.",
        epilog=example_text(
            ("vain serve", "start, and open the dashboard in the browser"),
            ("vain run -- make -j4", "run a command as a task"),
            ('vain add "train resnet" --priority high', "add a task to the running server"),
        )
        + "\n\nEach option is also a variable: --port is VAIN_PORT. The API key is only ever taken from VAIN_API_KEY,"
        "\nor from the file (mode 0600) that VAIN_API_KEY_FILE names.",
    )
    whole.add_argument("--version", action="version", version=f"vAIn {vain.__version__}")
    subparsers = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(subparsers)
    run_options.add_run(subparsers, run)
    _add_task_commands(subparsers)
    list_options.add_lists(subparsers)
    follow_options.add_follow(subparsers)
    rule_options.add_rules(subparsers, rules)
    rule_options.add_silence(subparsers, silence)
    _add_keys(subparsers)
    host_options.add_agent(subparsers, agent)
    host_options.add_hosts(subparsers, hosts)
    upkeep_options.add_history(subparsers, history)
    upkeep_options.add_db(subparsers, db)
    return whole


def _add_serve(commands: Commands) -> None:
    parser = command(
        commands, "serve", serve, "watch this machine, and serve the dashboard and the API",
        ("vain serve", "on http://localhost:5006, for this machine alone"),
        ("vain serve --host 0.0.0.0 --no-browser", "for the network; make a key first: `vain keys create NAME`"),
    )  # fmt: skip
    add_settings(parser, settings.SERVER_SETTINGS)


def _add_task_commands(commands: Commands) -> None:
    parser = command(
        commands, "add", tasks.add, "add a task",
        ('vain add "nightly backup" --priority high --tag backup --due +2h', "its number is printed"),
        ("id=$(vain add --quiet --status in-progress build)", "a task that runs, its number in a variable"),
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="what is to be done")
    _add_field_options(parser)
    _add_quiet(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(
        commands, "show", tasks.show, "show one task",
        ("vain show 7", "all that is known of it"),
        ("vain show 7 --json | jq -r .status", "one field, for a script"),
    )  # fmt: skip
    _add_id(parser)
    add_json(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(
        commands, "set", tasks.set_, "change fields of a task",
        ("vain set 7 status=completed outcome=failed exit_code=1", "how it ended"),
        ("vain set 7 --progress 40 due_at=+2h description=", "forty percent, a new due time, no description"),
    )  # fmt: skip
    _add_id(parser)
    parser.add_argument(
        "assignments", metavar="FIELD=VALUE", nargs="*", help="any field of the API; FIELD= takes it away"
    )
    parser.add_argument("--name", help="what is to be done")
    parser.add_argument("--progress", metavar="PERCENT", help="0 to 100")
    parser.add_argument("--message", metavar="TEXT", help="the last line of progress")
    parser.add_argument("--outcome", choices=OUTCOMES, help="how it ended")
    _add_field_options(parser)
    _add_quiet(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(
        commands, "rm", tasks.rm, "remove tasks",
        ("vain rm 7", "one"),
        ("vain ls --status completed --json --limit 0 | jq '.[].task_id' | xargs vain rm", "all that are completed"),
    )  # fmt: skip
    parser.add_argument("ids", metavar="ID", nargs="+", type=_task_id, help="number of a task")
    add_settings(parser, settings.CLIENT_SETTINGS)


def _add_keys(commands: Commands) -> None:
    parser = command(
        commands, "keys", None, "make, list and revoke API keys",
        ("vain keys create laptop --role write", "prints the key, once"),
        ("vain keys revoke k3v9x0ab", "it stops working within a second"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    parser = command(
        actions, "create", keys, "make a key and print it, once",
        ("vain keys create dashboard --role read", "may look, but not change"),
        ("umask 077; vain keys create ci --role write --expires 90d > ci.key", "for VAIN_API_KEY_FILE=ci.key"),
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="who or what the key is for")
    parser.add_argument("--role", choices=KEY_ROLES, default="write", help="what it may do [%(default)s]")
    # Not the setting of that name, which is where a server listens.
    parser.add_argument(
        "--host", dest="key_host", metavar="NAME", help="of an agent: the machine that it may write, and no other"
    )
    parser.add_argument("--expires", metavar="TIME", help="how long it works: 12h, 90d, 1w [until revoked]")
    add_settings(parser, [settings.DATA, settings.STORE])

    parser = command(
        actions, "list", keys, "list all keys, without their secrets",
        ("vain keys list", "a table"),
        ("vain keys list --json | jq -r '.[].key_id'", "their ids, for a program"),
    )  # fmt: skip
    add_json(parser)
    add_settings(parser, [settings.DATA, settings.STORE])

    parser = command(
        actions, "revoke", keys, "end keys and the browser sessions that they opened",
        ("vain keys revoke k3v9x0ab", "by the id that `vain keys list` shows"),
        ("vain keys revoke --data /srv/vain k3v9x0ab", "of a server with another data folder"),
    )  # fmt: skip
    parser.add_argument("ids", metavar="ID", nargs="+", help="id of a key")
    add_settings(parser, [settings.DATA, settings.STORE])


def _add_field_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=STATUSES, help="where it stands")
    parser.add_argument("--priority", choices=PRIORITIES, help="how urgent it is")
    parser.add_argument("--description", metavar="TEXT", help="more words about it")
    parser.add_argument("--tag", action="append", help="a tag (may be repeated)")
    parser.add_argument("--due", metavar="TIME", help="+2h, 2026-12-01, '2026-12-01 18:00' or an RFC 3339 time")


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=_task_id, help="number of a task")


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="print the number of the task and nothing else")


def _task_id(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,15}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a task")
    return int(text)

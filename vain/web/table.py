"""The routes that are ours, with the role that each needs."""

from __future__ import annotations

from vain.errors import NotFound
from vain.types import LARGEST_IMPORT_BYTES, LARGEST_LOG_BYTES
from vain.web import explain, history, lanes, login, notifications, performance, pings, tasks, visualizations
from vain.web.http import Request, Response
from vain.web.routes import Endpoint, Routes
from vain.web.services import Services

ASSET_SECONDS = 3_600


def table() -> Routes:
    """Every path, its methods, and who may call them."""
    return Routes(
        {
            "/tasks": {"GET": Endpoint(tasks.list_tasks, "read"), "POST": Endpoint(tasks.create_task, "write")},
            "/tasks/{task_id}": {
                "GET": Endpoint(tasks.show_task, "read"),
                "PUT": Endpoint(tasks.update_task, "write"),
                "DELETE": Endpoint(tasks.delete_task, "write"),
            },
            "/tasks/{task_id}/history": {"GET": Endpoint(tasks.show_changes, "read")},
            "/tasks/{task_id}/runs": {"GET": Endpoint(tasks.show_runs, "read")},
            "/tasks/{task_id}/log": {
                "GET": Endpoint(tasks.show_log, "read"),
                "POST": Endpoint(tasks.add_log, "write", pings.TAKES, LARGEST_LOG_BYTES),
            },
            "/tasks/lanes": {"GET": Endpoint(lanes.show, "read")},
            "/tasks/beats": {"POST": Endpoint(tasks.take_beats, "write")},
            "/ping/{key}": {"POST": Endpoint(pings.take_ping, "write", pings.TAKES)},
            "/ping/{key}/{word}": {"POST": Endpoint(pings.take_ping, "write", pings.TAKES)},
            "/performance": {"GET": Endpoint(performance.show, "read")},
            "/performance/history": {
                "GET": Endpoint(history.show, "read"),
                "POST": Endpoint(history.take, "write", tuple(history.IMPORT_TYPES), LARGEST_IMPORT_BYTES),
            },
            "/performance/explain": {"GET": Endpoint(explain.show, "read")},
            "/visualizations": {"GET": Endpoint(visualizations.show, "read")},
            "/visualizations/{chart}": {"GET": Endpoint(visualizations.show_chart, "read")},
            "/notifications": {"GET": Endpoint(notifications.list_notifications, "read")},
            "/notifications/{notification_id}": {"PATCH": Endpoint(notifications.mark_notification, "write")},
            "/login": {"GET": Endpoint(login.page, None), "POST": Endpoint(login.sign_in, None)},
            "/logout": {"POST": Endpoint(login.sign_out, None)},
            "/healthz": {"GET": Endpoint(_healthy, None)},
            "/assets/{file}": {"GET": Endpoint(_asset, None)},
            "/favicon.ico": {"GET": Endpoint(_icon, None)},
        }
    )


def _healthy(services: Services, request: Request) -> Response:
    """It answers, so it lives. Says nothing else, since it is asked without a key."""
    return Response(b'{"status":"ok"}')


def _asset(services: Services, request: Request, file: str) -> Response:
    asset = services.assets.get(file)
    if asset is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": f"public, max-age={ASSET_SECONDS}" if request.query else "no-cache"}
    return Response(asset.body, content_type=asset.content_type, headers=headers)


def _icon(services: Services, request: Request) -> Response:
    return _asset(services, request, "favicon.svg")

"""The routes that are ours, with the role that each needs."""

from __future__ import annotations

from msgspec import structs

from vain.errors import NotFound
from vain.types import LARGEST_IMPORT_BYTES, LARGEST_LOG_BYTES
from vain.web import (
    batches,
    documents,
    event_source,
    explain,
    health,
    history,
    hosts,
    lanes,
    login,
    metrics,
    notifications,
    oauth_routes,
    performance,
    pings,
    rules,
    silences,
    task_list,
    task_page,
    tasks,
    visualizations,
)
from vain.web.declared import operation
from vain.web.http import Request, Response
from vain.web.routes import Endpoint, Routes
from vain.web.services import Services

ASSET_SECONDS = 3_600
MERGES = ("application/merge-patch+json",)
"""What a PATCH takes beside JSON."""


def table() -> Routes:
    """Every path, its methods, and who may call them."""
    return Routes(
        {
            "/tasks": {"GET": Endpoint(task_list.list_tasks, "read"), "POST": Endpoint(tasks.create_task, "write")},
            "/tasks/{task_id}": {
                "GET": Endpoint(tasks.show_task, "read"),
                "PUT": Endpoint(tasks.update_task, "write"),
                "PATCH": Endpoint(tasks.merge_task, "write", MERGES),
                "DELETE": Endpoint(tasks.delete_task, "write"),
            },
            "/tasks/{task_id}/history": {"GET": Endpoint(task_list.show_changes, "read")},
            "/tasks/{task_id}/runs": {"GET": Endpoint(tasks.show_runs, "read")},
            "/tasks/{task_id}/log": {
                "GET": Endpoint(tasks.show_log, "read"),
                "POST": Endpoint(tasks.add_log, "write", pings.TAKES, LARGEST_LOG_BYTES),
            },
            "/tasks/page": {"GET": Endpoint(task_page.show, "read")},
            "/tasks/bulk": {"POST": Endpoint(batches.create_tasks, "write", (), batches.LARGEST_BODY_BYTES)},
            "/tasks/bulk-update": {"POST": Endpoint(batches.update_tasks, "write")},
            "/tasks/lanes": {"GET": Endpoint(lanes.show, "read")},
            "/tasks/beats": {"POST": Endpoint(tasks.take_beats, "write")},
            "/ping/{key}": {"POST": Endpoint(pings.take_ping, "write", pings.TAKES)},
            "/ping/{key}/{word}": {"POST": Endpoint(pings.take_ping, "write", pings.TAKES)},
            "/performance": {"GET": Endpoint(performance.show, "read")},
            "/performance/history": {
                "GET": Endpoint(history.show, "read"),
                "POST": Endpoint(history.take, "write", tuple(history.IMPORT_TYPES), LARGEST_IMPORT_BYTES),
            },
            "/performance/hosts": {"GET": Endpoint(hosts.show_history, "read")},
            "/performance/explain": {"GET": Endpoint(explain.show, "read")},
            "/hosts": {"GET": Endpoint(hosts.list_hosts, "read")},
            "/hosts/{host}": {"GET": Endpoint(hosts.show_host, "read"), "DELETE": Endpoint(hosts.forget_host, "admin")},
            "/hosts/{host}/samples": {
                "POST": Endpoint(hosts.take_samples, "agent", (), hosts.LARGEST_REPORT_BYTES),
            },
            "/hosts/{host}/reports": {
                "POST": Endpoint(hosts.take_left, "agent", (), hosts.LARGEST_REPORT_BYTES),
            },
            "/visualizations": {"GET": Endpoint(visualizations.show, "read")},
            "/visualizations/{chart}": {"GET": Endpoint(visualizations.show_chart, "read")},
            "/events": {"GET": Endpoint(event_source.show, "read")},
            "/notifications": {"GET": Endpoint(notifications.list_notifications, "read")},
            "/notifications/{notification_id}": {"PATCH": Endpoint(notifications.mark_notification, "write", MERGES)},
            "/rules": {"GET": Endpoint(rules.list_rules, "read"), "POST": Endpoint(rules.create_rule, "admin")},
            "/rules/{name}": {
                "GET": Endpoint(rules.show_rule, "read"),
                "PUT": Endpoint(rules.put_rule, "admin"),
                "DELETE": Endpoint(rules.delete_rule, "admin"),
            },
            "/rules/{name}/test": {"GET": Endpoint(rules.test_stored, "read")},
            "/rules/test": {"POST": Endpoint(rules.test_given, "read")},
            "/firings": {"GET": Endpoint(rules.list_firings, "read")},
            "/silences": {"GET": Endpoint(silences.list_silences, "read"), "POST": Endpoint(silences.silence, "write")},
            "/silences/{silence_id}": {"DELETE": Endpoint(silences.end_silence, "write")},
            "/login": {"GET": Endpoint(login.page, None), "POST": Endpoint(login.sign_in, None)},
            "/oauth/begin": {"GET": Endpoint(oauth_routes.begin, None)},
            "/oauth/callback": {"GET": Endpoint(oauth_routes.callback, None)},
            "/logout": {"POST": Endpoint(login.sign_out, None)},
            "/healthz": {"GET": Endpoint(health.live, None)},
            "/readyz": {"GET": Endpoint(health.ready, None)},
            "/metrics": {"GET": Endpoint(metrics.show, "read")},
            "/openapi.json": {"GET": Endpoint(documents.show_openapi, None)},
            "/asyncapi.json": {"GET": Endpoint(documents.show_asyncapi, None)},
            "/docs": {"GET": Endpoint(documents.show_home, None)},
            "/docs/{page}": {"GET": Endpoint(documents.show_page, None)},
            "/assets/{file}": {"GET": Endpoint(_asset, None)},
            "/static/vain.js": {"GET": Endpoint(_module, None)},
            "/static/vain.d.ts": {"GET": Endpoint(_declarations, None)},
            "/favicon.ico": {"GET": Endpoint(_icon, None)},
        }
    )


@operation("showAsset", tag="server", hidden=True)
def _asset(services: Services, request: Request, file: str) -> Response:
    asset = services.assets.get(file)
    if asset is None:
        raise NotFound("There is no such file.")
    caching = f"public, max-age={ASSET_SECONDS}" if request.query else "no-cache"
    headers = {"Cache-Control": caching, "ETag": asset.tag}
    return Response(asset.body, content_type=asset.content_type, headers=headers)


@operation("showIcon", tag="server", hidden=True)
def _icon(services: Services, request: Request) -> Response:
    return _asset(services, request, "favicon.svg")


@operation("showModule", tag="server", hidden=True)
def _module(services: Services, request: Request) -> Response:
    return _asset(services, request, "vain.js")


@operation("showDeclarations", tag="server", hidden=True)
def _declarations(services: Services, request: Request) -> Response:
    return structs.replace(_asset(services, request, "vain.d.ts"), content_type="application/typescript")

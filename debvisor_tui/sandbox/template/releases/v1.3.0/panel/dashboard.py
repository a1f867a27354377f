"""The dashboard and its JSON twin: all nodes, all virtual machines, and the live load of the nodes in turn."""

from html import escape

from panel import agents
from panel.database import connection
from panel.nodes import Node, all_nodes, machines
from panel.web import Panel, Request, Response, as_json, page, redirect


def dashboard(panel: Panel, request: Request) -> Response:
    session = panel.sessions.get(request.cookie)
    if session is None or not session.account:
        return redirect("/login")
    session.views += 1
    # The first view after a login shows the load as it was kept; the next ones ask.
    load = _kept_load(panel) if session.views == 1 else _live_load(panel)
    with connection(panel.config.database) as database:
        nodes = all_nodes(database)
        vms = machines(database)
    rows = "\n".join(
        f"<tr><td>{escape(vm['name'])}</td><td>{escape(vm['node'])}</td><td>{vm['cpus']}</td>"
        f"<td>{vm['memory_gb']} GB</td><td>{escape(vm['state'])}</td></tr>"
        for vm in vms
    )
    body = (
        f"<h1>Nodes</h1>\n<p>{len(nodes)} nodes, {len(vms)} virtual machines. {escape(session.account)}</p>\n"
        f"<table>\n{_node_rows(nodes, load)}\n</table>\n<h2>Virtual machines</h2>\n<table>\n{rows}\n</table>"
    )
    return page(200, "Dashboard", body)


def _kept_load(panel: Panel) -> dict[str, float]:
    return dict(panel.cache.get("load", 3600.0) or {})


def _live_load(panel: Panel) -> dict[str, float]:
    """The kept loads, one of them asked anew."""
    index, value = agents.load()
    loads = {**_kept_load(panel), str(index + 1): value}
    panel.cache.put("load", loads)
    return loads


def _node_rows(nodes: list[Node], load: dict[str, float]) -> str:
    return "\n".join(
        f"<tr><td>{escape(node.name)}</td><td>{escape(node.region or '–')}</td><td>{escape(node.address)}</td>"
        f"<td>{node.cpus}</td><td>{node.memory_gb} GB</td><td>{escape(node.status)}</td>"
        f"<td>{load.get(str(node.id), 0.0):.0%}</td></tr>"
        for node in nodes
    )


def api_nodes(panel: Panel, request: Request) -> Response:
    load = _live_load(panel)
    with connection(panel.config.database) as database:
        nodes = all_nodes(database)
    return as_json(200, {"nodes": [{**node.to_json(), "load": load.get(str(node.id))} for node in nodes]})

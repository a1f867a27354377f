"""The dashboard and its JSON twin: all nodes, all virtual machines."""

from html import escape

from panel.database import connection
from panel.nodes import Node, all_nodes, machines
from panel.web import Panel, Request, Response, as_json, page, redirect


def dashboard(panel: Panel, request: Request) -> Response:
    session = panel.sessions.get(request.cookie)
    if session is None or not session.account:
        return redirect("/login")
    session.views += 1
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
        f"<table>\n{_node_rows(nodes)}\n</table>\n<h2>Virtual machines</h2>\n<table>\n{rows}\n</table>"
    )
    return page(200, "Dashboard", body)


def _node_rows(nodes: list[Node]) -> str:
    return "\n".join(
        f"<tr><td>{escape(node.name)}</td><td>{escape(node.region or '–')}</td><td>{escape(node.address)}</td>"
        f"<td>{node.cpus}</td>"
        f"<td>{node.memory_gb} GB</td><td>{escape(node.status)}</td><td>{escape(node.notes or '')}</td></tr>"
        for node in nodes
    )


def api_nodes(panel: Panel, request: Request) -> Response:
    with connection(panel.config.database) as database:
        return as_json(200, {"nodes": [node.to_json() for node in all_nodes(database)]})

"""The app: stateful stacks, and two without state on top of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra.api_stand import ApiStand
from infra.application import Application, Stores
from infra.audit_log import AuditLog
from infra.code import Sources
from infra.database import Database
from infra.evidence import Evidence
from infra.identity import Identity
from infra.keys import Keys
from infra.network import Network
from infra.settings import Deployment, read
from infra.state import State
from infra.witness import WitnessStand


def build(
    context: Mapping[str, Any] | None = None, *, outdir: Path | None = None, sources: Sources | None = None
) -> App:
    """The stacks of one deployment, not synthesized yet. The CDK CLI hands the context over by itself.

    Raises SettingsRefused.
    """
    app = App(context=context, outdir=str(outdir) if outdir else None)
    settings = read(app.node.get_all_context())
    stacks(app, settings, sources or Sources())
    return app


def stacks(app: App, settings: Deployment, sources: Sources) -> Application:
    keys = Keys(app, settings)
    network = Network(app, settings, keys.data)
    audit_log = AuditLog(app, settings, keys.data)
    state = State(app, settings, keys.data)
    stores = Stores(
        keys=keys,
        network=network,
        identity=Identity(app, settings, keys, audit_log, state, sources),
        database=Database(app, settings, network, keys.data),
        audit_log=audit_log,
        evidence=Evidence(app, settings, audit_log.access_logs),
        state=state,
    )
    WitnessStand(app, settings, keys, sources)
    application = Application(app, settings, stores, sources)
    ApiStand(app, settings, keys, stores.identity).add_dependency(application, "it calls the functions by name")
    return application

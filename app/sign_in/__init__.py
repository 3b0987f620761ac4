"""Who may use the dashboard: by a shared password, an OIDC provider or a proxy (`SHOWDOWN_LOGIN`).

gate.py is the door: ASGI middleware before every page, route and WebSocket. password.py, oidc.py and
proxy.py each find out who sends a request. current.py tells a page who is looking at it.
"""

"""Who may use the dashboard: a shared password, an OIDC provider, or a proxy that signs people in (`SHOWDOWN_LOGIN`).

gate.py is the door: ASGI middleware before every page, route and WebSocket. password.py, oidc.py and proxy.py each say who
sends a request. current.py tells a page who looks at it.
"""

"""The tools over HTTP, for many people: any number of equal processes behind any balancer.

Nothing of a conversation is kept here, so that each request may reach another process.

edge         the routes, and what stands around them    access   who asks: hosts, origins, bearer tokens
session_ids  what the handshake said, in the id         beats    no answer is silent for long
routes       health, probe, uploads                     serving  the socket, uvicorn, signals
"""

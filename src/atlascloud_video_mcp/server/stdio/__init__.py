"""The pipe to the client, and what is answered on it before the SDK is needed.

Hosts start every server in every session, and most sessions never call it. The SDK takes half a second and 60 MB to
import, so what never depends on anything but the message is answered from recorded answers of the SDK itself, with
the standard library alone. The first message that needs more starts the SDK, which is told of the handshake as the
client made it.

opening   what is answered, and what the SDK is told   validation     which messages are plain enough for that
pipe      stdin and stdout                             answers.json   the recorded answers (`make recorded-answers`)
"""

"""Setting this server up in the programs that use it, without harm to what else they know.

commands   install and uninstall         clients   the table: one row a client
keys       where the API key comes from  entry     our server in a client's own shape
command    how this installation starts  edits     ... in the text of its file
files      read, copied, replaced        formats   JSON, TOML and YAML changed in place
"""

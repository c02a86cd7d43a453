"""Setting this server up in the programs that use it, without harm to what else they know.

commands   install and uninstall         clients   the table: one row a client
person     asked and told; the key       edits     our server in the text of a client's file
command    how this installation starts  files     read, copied, replaced
formats    JSON, TOML and YAML changed in place
"""

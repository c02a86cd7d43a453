"""Sets this server up in the programs that use it, and leaves everything else in their files alone.

installer     the commands install and uninstall      clients      the table: one row a client
server_entry  our server in the text of a file        config_file  a file read, copied, replaced
formats       one promise for three kinds of text, kept by json_editor, toml_editor and yaml_editor
platforms     where files are on this computer, and how this installation is started
"""

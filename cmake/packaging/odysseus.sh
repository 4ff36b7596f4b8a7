#!/bin/sh
# Started by the name `odysseus` where a package installed it. The program itself lies where only root may write, so its
# HOME (bin/, models/, logs/, data/) is a folder of the user's own: the one that the systemd user unit uses too.
# ODYSSEUS_HOME and --home win.
ODYSSEUS_HOME=${ODYSSEUS_HOME:-${XDG_DATA_HOME:-${HOME-}/.local/share}/odysseus}
export ODYSSEUS_HOME
exec /usr/libexec/odysseus/odysseus "$@"

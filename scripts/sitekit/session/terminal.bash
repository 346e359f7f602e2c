# bash reads this file in a session's terminals (session/terminals.py).
# It reads the files of a login shell, and then puts back the missing directories of PATH: Debian's /etc/profile
# replaces PATH, which would remove the loaded modules and sitekit's own commands.
SITEKIT_PATH=$PATH
if [ -r /etc/profile ]; then . /etc/profile; fi
for SITEKIT_FILE in ~/.bash_profile ~/.bash_login ~/.profile; do
    if [ -r "$SITEKIT_FILE" ]; then
        . "$SITEKIT_FILE"
        break
    fi
done
SITEKIT_MISSING=
IFS=: read -ra SITEKIT_FILE <<<"$SITEKIT_PATH"
for SITEKIT_PATH in "${SITEKIT_FILE[@]}"; do
    case ":$PATH:" in *":$SITEKIT_PATH:"*) ;; *) SITEKIT_MISSING=$SITEKIT_MISSING$SITEKIT_PATH: ;; esac
done
PATH=$SITEKIT_MISSING$PATH
unset SITEKIT_PATH SITEKIT_FILE SITEKIT_MISSING

# bash reads this in the terminals of a session (session/terminals.py): all that a login shell reads, then PATH once more.
# Debian's /etc/profile sets PATH anew; what is loaded in the Software Modules tab would be half gone, and our programs.
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

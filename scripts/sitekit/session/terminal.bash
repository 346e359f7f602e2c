# Start file of bash in the terminals of a session (session/terminals.py).
# It reads the files that a login shell reads, then restores PATH: Debian's /etc/profile sets PATH anew, without our
# programs, and without the paths of modules that are loaded in the Software Modules tab.
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

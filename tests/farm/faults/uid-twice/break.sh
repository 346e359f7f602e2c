accounts
useradd --no-create-home --non-unique --uid "$(id -u bob)" --gid bob robert

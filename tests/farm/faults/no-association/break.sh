accounts
useradd --create-home --shell /bin/bash --groups jupyter-users aaron
usermod --password x aaron
fresh /home/aaron

accounts
groupdel jupyter-admins

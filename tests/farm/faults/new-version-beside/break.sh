fresh "$ETC/apache.conf.new"
touch "$ETC/apache.conf.new"

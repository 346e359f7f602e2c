conf "batch_sched_delay=0" "batch_sched_delay=15"

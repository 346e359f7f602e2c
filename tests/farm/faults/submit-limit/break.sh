sacctmgr --immediate modify user alice set MaxSubmitJobs=0

# sitekit: the front door. One line per target; what each does is in scripts/sitekit/.
# SITE=path/to/site.yml picks another site file; PYTHON=python3.12 another interpreter for the kit itself.

export SITE PYTHON BUNDLE
KIT := @scripts/kit

.DEFAULT_GOAL := help
.PHONY: help new_site check_site show setup_conda install_all lock bundle releases upgrade rollback prune_releases uninstall_environment advisories \
        kernels kernels_diff kernels_check kernels_import \
        diff apply uninstall start stop status backup restore rotate_secrets certificate certificate_check maintenance_on maintenance_off \
        demo demo_status demo_stop demo_reset test lint bench soak

help:           ## list the targets
	@awk -F ':.*## ' '/^[a-z_]+:.*## /{printf "  make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

new_site:       ## write a small config/site.yml; NAME= URL= GROUP= PREFIX= PARTITION= fill it in
	$(KIT) new_site $(foreach v,NAME URL GROUP PREFIX PARTITION,$(if $(filter command,$(firstword $(origin $v))),'$v=$($v)'))
check_site:     ## check the site file; says file, line and key of every fault
	$(KIT) check_site
show:           ## print what the site file means, defaults included
	$(KIT) show
setup_conda:    ## build the hub environment from environment.yml; BUNDLE=file: from a bundle, without a network
	$(KIT) setup_conda $(if $(BUNDLE),"$(BUNDLE)")
install_all:    ## install the hub, the lab extensions and the checks into it, then switch to it
	$(KIT) install_all
lock:           ## write environment.lock: exactly which packages setup_conda is to install
	$(KIT) lock
bundle:         ## the release in use as one file, for a site without a network; FILE=name
	$(KIT) bundle $(if $(FILE),"$(FILE)")
releases:       ## the releases of the environment: age, size, which is current, who uses them
	$(KIT) releases
upgrade:        ## newest packages of environment.yml: build, verify, switch; restarts the hub only
	$(KIT) upgrade
rollback:       ## back to the release before, or RELEASE=name; restarts the hub only
	$(KIT) rollback $(RELEASE)
prune_releases: ## remove old releases but KEEP=2 of them, and never one in use
	$(KIT) prune_releases $(KEEP)
advisories:     ## hold the installed packages against known weaknesses; OSV=file, folder or https address of OSV's
	$(KIT) advisories $(OSV)
uninstall_environment: ## remove all releases, and nothing else below the prefix; UNINSTALLED=1: no host runs the site any more
	$(KIT) uninstall_environment $(if $(UNINSTALLED),uninstalled)
kernels:        ## turn the cluster's modules into proven Jupyter kernels
	$(KIT) kernels
kernels_diff:   ## show what `make kernels` would change
	$(KIT) kernels_diff
kernels_check:  ## start every published kernel again; hide those that fail, bring back those that pass
	$(KIT) kernels_check
kernels_import: ## print the kernels.yml for an older Makefile's envkernel lines (MAKEFILE=path)
	$(KIT) kernels_import $(MAKEFILE)
diff:           ## show what `make apply` would change on this machine; needs no root (scripts/kit diff: 1 for changes)
	@scripts/kit diff || [ $$? -eq 1 ]
apply:          ## write services, web server, sudoers and PAM files (as root)
	$(KIT) apply
uninstall:      ## remove what `make apply` wrote (as root); PURGE=1: the database, logs and backups too
	$(KIT) uninstall $(if $(PURGE),purge)
start:          ## start the site's services (as root)
	$(KIT) start
stop:           ## stop the site's services; users' servers stay up (as root)
	$(KIT) stop
status:         ## say which services run (as root)
	$(KIT) status
backup:         ## database, secrets and configuration into one file (as root)
	$(KIT) backup
restore:        ## put FROM=file back, on this machine or another (as root)
	$(KIT) restore $(FROM)
rotate_secrets: ## new secrets for hub and proxy; servers go on, users log in again (as root)
	$(KIT) rotate_secrets
certificate:    ## ask the ACME server for the certificate, where nginx is the front (as root)
	$(KIT) certificate
certificate_check: ## say how long the certificates last that web server and proxy show; fails three weeks before their end
	$(KIT) certificate_check
maintenance_on: ## show the maintenance page to all but front.maintenance_allow (as root)
	$(KIT) maintenance_on
maintenance_off: ## open the site again (as root)
	$(KIT) maintenance_off
demo:           ## a whole cluster with its JupyterHub on this one machine (as root)
	$(KIT) demo
demo_status:    ## the demo's address, users, passwords and services
	$(KIT) demo_status
demo_stop:      ## stop the demo
	$(KIT) demo_stop
demo_reset:     ## remove the demo, and list what stays behind
	$(KIT) demo_reset
test:           ## run every test; as root it brings the demo up and tests it (under 30 minutes)
	@KIT_TEST=1 scripts/kit --python -m pytest
lint:           ## ruff, and the walls between the rooms
	@KIT_TEST=1 scripts/kit --python -m pytest -q tests/unit/test_house.py
bench:          ## measure; the demo must be up
	@KIT_TEST=1 scripts/kit --python -m tests.bench
soak:           ## the long tests: many kills, many users
	@KIT_TEST=1 scripts/kit --python -m pytest --soak

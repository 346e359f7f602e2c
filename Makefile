# Each target calls scripts/kit. scripts/sitekit/commands.py describes each target and its variables;
# `make help` prints them. SITE=path/to/site.yml selects another site file. PYTHON=python3.12 selects
# the Python that runs sitekit itself.

export SITE PYTHON BUNDLE
# `make apply HELP=1` prints the help of a target. An environment variable HELP is ignored.
ifeq ($(origin HELP),command line)
export SITEKIT_HELP := 1
endif
KIT := @scripts/kit
# The variables that are set on make's command line as NAME=value. Environment variables are ignored.
# Apostrophes are escaped, because an apostrophe in a value would end the shell's quotes.
given = $(foreach v,$1,$(if $(filter command,$(firstword $(origin $v))),'$v=$(subst ','\'',$($v))'))

.DEFAULT_GOAL := help
.PHONY: help new_site import_aalto check_site show docs setup_conda install_all lock bundle releases upgrade rollback \
        prune_releases advisories uninstall_environment accounts accounts_slips accounts_remove sizing kernels kernels_diff kernels_check \
        kernels_import images_check applications_check diff apply uninstall start stop status top doctor backup restore rotate_secrets \
        course_new course_check course_drill drain undrain stop_servers report trace announce announcements announce_end message drill \
        certificate certificate_check maintenance_on maintenance_off demo demo_status demo_stop \
        demo_reset test test_quick lint bench soak

help:
	@PYTHONPATH=scripts $(or $(PYTHON),python3) -B -m sitekit --help
new_site:
	$(KIT) new_site $(call given,NAME URL GROUP PREFIX PARTITION)
import_aalto:
	$(KIT) import_aalto $(call given,FROM TO)
check_site:
	$(KIT) check_site
show:
	$(KIT) show
docs:
	@KIT_DOCS=1 scripts/kit docs $(call given,TO)
setup_conda:
	$(KIT) setup_conda $(if $(BUNDLE),"$(BUNDLE)")
install_all:
	$(KIT) install_all
lock:
	$(KIT) lock
bundle:
	$(KIT) bundle $(if $(FILE),"$(FILE)")
releases:
	$(KIT) releases
upgrade:
	$(KIT) upgrade
rollback:
	$(KIT) rollback $(RELEASE)
prune_releases:
	$(KIT) prune_releases $(KEEP)
advisories:
	$(KIT) advisories $(OSV)
uninstall_environment:
	$(KIT) uninstall_environment $(if $(UNINSTALLED),uninstalled)
kernels:
	$(KIT) kernels
kernels_diff:
	$(KIT) kernels_diff
kernels_check:
	$(KIT) kernels_check
kernels_import:
	$(KIT) kernels_import $(MAKEFILE)
images_check:
	$(KIT) images_check $(IMAGE)
applications_check:
	$(KIT) applications_check $(APPLICATION)
diff:
	@scripts/kit diff || [ $$? -eq 1 ]  # 1: something would change
apply:
	$(KIT) apply
gate_bundle:
	$(KIT) gate_bundle $(if $(FILE),"$(FILE)")
uninstall:
	$(KIT) uninstall $(if $(PURGE),purge)
start:
	$(KIT) start
stop:
	$(KIT) stop
status:
	$(KIT) status $(call given,JSON)
top:
	$(KIT) top
doctor:
	@scripts/kit doctor $(call given,CHECK JSON JUNIT NODES OSV SECONDS USER) \
	    || [ $$? -eq 3 ]  # 3: warnings only
accounts:
	$(KIT) accounts $(call given,COUNT PREFIX FIRST GROUP PASSWORD)
accounts_slips:
	$(KIT) accounts_slips $(call given,PREFIX FORMAT)
accounts_remove:
	$(KIT) accounts_remove $(call given,PREFIX DATA END)
sizing:
	$(KIT) sizing $(call given,DATA)
drain:
	$(KIT) drain $(call given,NODE PARTITION TEXT)
undrain:
	$(KIT) undrain $(call given,NODE PARTITION)
stop_servers:
	$(KIT) stop_servers $(call given,USER TEXT)
report:
	$(KIT) report $(call given,FROM UNTIL FOLDER)
trace:
	$(KIT) trace $(call given,USER SERVER JSON)
announce:
	$(KIT) announce $(call given,TEXT FROM UNTIL PAGES LEVEL DISMISS)
announcements:
	$(KIT) announcements
announce_end:
	$(KIT) announce_end $(call given,ID)
message:
	$(KIT) message $(call given,USER ALL TEXT)
backup:
	$(KIT) backup
restore:
	$(KIT) restore $(FROM)
rotate_secrets:
	$(KIT) rotate_secrets
certificate:
	$(KIT) certificate
certificate_check:
	$(KIT) certificate_check
maintenance_on:
	$(KIT) maintenance_on
maintenance_off:
	$(KIT) maintenance_off
course_new:
	$(KIT) course_new $(call given,COURSE TITLE STARTS ENDS TIER ROSTER INSTRUCTORS RESERVATION KERNEL REPOSITORY REF FOLDER PAGE)
course_check:
	$(KIT) course_check "$(COURSE)"
drill:
	$(KIT) drill $(call given,JSON TIER USERS)
course_drill:
	$(KIT) course_drill "$(COURSE)" $(COUNT)
demo:
	$(KIT) demo
demo_status:
	$(KIT) demo_status
demo_stop:
	$(KIT) demo_stop
demo_reset:
	$(KIT) demo_reset
test:
	@KIT_TEST=1 scripts/kit --python -m pytest -n 3
test_quick:
	@KIT_TEST=1 scripts/kit --python -m pytest -q -n auto --quick
lint:
	@KIT_TEST=1 scripts/kit --python -m pytest -q tests/unit/test_house.py
bench:
	@KIT_TEST=1 scripts/kit --python -m tests.bench
soak:
	@KIT_TEST=1 scripts/kit --python -m pytest -n 2 --soak

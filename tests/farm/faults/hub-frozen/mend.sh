systemctl kill --signal=CONT --kill-who=main "$UNIT-hub"

systemctl kill --signal=CONT --kill-who=main "$UNIT-proxy"

systemctl kill --signal=STOP --kill-who=main "$UNIT-proxy"

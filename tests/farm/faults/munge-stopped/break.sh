stop munge

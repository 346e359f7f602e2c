stop hub
hold 18081

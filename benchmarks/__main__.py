from benchmarks.hot_path import main

main()

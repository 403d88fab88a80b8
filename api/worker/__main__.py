"""`python -m api.worker`: what the supervisor starts."""

from api.worker.process import main

if __name__ == "__main__":
    main()

"""How the API is described: `/openapi.json` for programs, `/docs` for people."""

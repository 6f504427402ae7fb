"""What reaches the platforms: the one package that imports httpx, and that only with the first request.

wire        posts a request, and says whatever may come of it in one of three ways
transport   kept connections, on which no request outlasts its time
answer      the body of an answer, of a bounded size however small it came
"""

from django.urls import path

from segmenthub.demo import pages

urlpatterns = [
    path("", pages.home),
    path("seen", pages.look),
    path("why", pages.explain),
    path("cart", pages.cart),
    path("checkout", pages.checkout),
    path("checkout/done", pages.done),
    path("login", pages.login),
    path("<slug:category>", pages.category),
    path("<slug:category>/<slug:sku>", pages.product),
]

"""Prices and provider rules: what a token costs, dated, and how providers cache and batch.

Import it lazily: it loads polars and the price library. It uses neither the network nor the clock.
"""

from costscope.prices.book import PriceBook, Rate
from costscope.prices.rules import BatchRule, CachingRule, batch_rule, caching_rule

__all__ = ["BatchRule", "CachingRule", "PriceBook", "Rate", "batch_rule", "caching_rule"]

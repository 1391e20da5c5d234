"""A local HubSpot portal over HTTP, for trying, testing and measuring without a real account.

It runs as its own process (``python -m leadback_hubspot_sandbox``). Product code never imports it,
and it imports nothing of the engine: where HubSpot's behaviour is unsure it is the stricter one.
"""

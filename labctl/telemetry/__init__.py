"""What whoever is responsible for the cells sees from elsewhere: messages, their sources, and their way over MQTT.

Nothing of this runs in the process that holds the cells. A station gives one local stream (``labctl.station``); what
is here reads it, in processes of its own, so that no broker and no browser can delay a control tick.

    messages    the vocabulary                 feed        where messages come from: a station, or a broker
"""

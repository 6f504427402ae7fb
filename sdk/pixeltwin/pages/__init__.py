"""The browser half on pages, free of any framework.

visit              one request of one visitor           site      what is the same for all requests of a site
page               what one page shows                  telling   what its pixels are told, as data
script             the first-party script               handover  conversions for a tag manager
descriptors        what may happen in a page, signed    reports   what pages report back
acknowledgement    which pixels fired                   flood     how much of that one address may send
carried            ids and clicks in our own cookies    acquaintance   what a site knows a visitor by
remembered         which of his orders wait for a webhook
withdrawal         what is left of a platform that is refused
private_parameters what no pixel may read in a URL
"""

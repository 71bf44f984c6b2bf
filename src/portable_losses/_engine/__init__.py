"""The engine: from a call to a result, the same for every loss and every array library.

==============  ==========================================================="""

"""The software of the one-machine cluster: the distribution's packages, behind modules."""
